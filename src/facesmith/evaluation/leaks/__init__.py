"""The leak rate of programs that cover faces, on films whose faces are known exactly."""
