"""What a graph answers without torch: which sizes it takes. Each analysis is a function of a `Graph`."""
