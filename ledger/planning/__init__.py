"""Planning: job kinds, sites, the plan, and `ledger init`."""
