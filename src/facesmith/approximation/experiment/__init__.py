"""The experiment: tables, the exercise's nets, methods side by side, verdicts and reports."""
