CREATE TABLE conversaciones (
  contacto TEXT PRIMARY KEY,
  estado TEXT NOT NULL,
  cambiada_at TEXT NOT NULL
) STRICT;
