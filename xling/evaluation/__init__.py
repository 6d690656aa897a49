"""Is an attribution true? What retraining says about it."""
