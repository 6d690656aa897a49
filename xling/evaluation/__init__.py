"""Is an attribution true? What retraining says of it."""
