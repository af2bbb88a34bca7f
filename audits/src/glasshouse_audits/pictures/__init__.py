"""Pictures for reports: PNG files and attribution overlays."""
