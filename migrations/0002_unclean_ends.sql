-- What a run produced that did not end cleanly, or after which the machine was restarted, is
-- hashed before it is trusted: its files may never have reached the disk.
ALTER TABLE runs ADD COLUMN boot TEXT;  -- the boot of the machine (ledger/process/clock.py) it ran in
ALTER TABLE jobs ADD COLUMN run INTEGER;  -- in which it was last done; no REFERENCES: a look-up a job
