"""What each defence against nodes, networks and mempools is."""
