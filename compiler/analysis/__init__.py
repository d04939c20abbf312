"""What a graph answers without torch: which sizes it takes, what it computes and whether another computes the same,
what its layers see, and what they cost.
"""
