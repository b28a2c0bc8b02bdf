-- What only one kind of site knows of its documents, as JSON: of a post its tags, say.
ALTER TABLE documents ADD COLUMN extra TEXT NOT NULL DEFAULT '{}';
