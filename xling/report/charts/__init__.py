"""Drawing primitives that several sections share."""
