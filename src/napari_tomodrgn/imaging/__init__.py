"""Image formation: pure functions on tensors."""
