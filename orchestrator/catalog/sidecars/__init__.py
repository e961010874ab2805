"""The catalog's table of sidecar files: what lies beside a recording's file."""
