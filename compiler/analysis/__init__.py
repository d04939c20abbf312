"""What a graph answers without torch: which sizes it takes, what it computes, what changed from one to another, what
its layers see, and what they cost.
"""
