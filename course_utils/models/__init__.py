"""The documented networks, every documented choice an argument with the documented value as default. Floor 2."""
