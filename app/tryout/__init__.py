"""What only a try-out needs: made-up orders, demo accounts, and the processes that ``run.py`` starts."""
