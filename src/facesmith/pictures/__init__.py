"""Pictures of what was found: boxes drawn into photos, crops, contact sheets."""
