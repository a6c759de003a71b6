"""twingap (placeholder, filled in below)."""
