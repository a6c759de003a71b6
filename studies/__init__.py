"""What compares answers: studies, their records and reports, and the command line."""
