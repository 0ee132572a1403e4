"""Runs jobs: claims them, keeps its heartbeat, rescues dead workers' jobs, sweeps the line."""
