"""Records to tables, figures and one self-contained page. The only place that plots."""
