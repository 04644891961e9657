-- An application of another shape than the demo's: German names, blanks and quotes in names, keys of two columns, tables
-- without a key, no foreign key to the phones. `Mandant` tells two tenants apart.
CREATE TABLE "Abteilung" (
  Mandant TEXT NOT NULL,
  AbtNr INTEGER NOT NULL,
  Bezeichnung TEXT NOT NULL,
  PRIMARY KEY (Mandant, AbtNr)
);
CREATE TABLE "Mitarbeiter ""Stamm""" (
  "Mandant" TEXT NOT NULL,
  "Mitarbeiter Nummer" TEXT NOT NULL,
  "Benutzername" VARCHAR(40) NOT NULL UNIQUE COLLATE NOCASE,
  "Vorname" VARCHAR(40),
  "Nach Name" VARCHAR(40) NOT NULL,
  "E-Mail Adresse" VARCHAR(80),
  "Gesperrt" BOOLEAN NOT NULL DEFAULT 0,
  "Standort's" TEXT NOT NULL,
  "AbtNr" INTEGER,
  "Erstellt am" TEXT NOT NULL,
  "Notiz\x" TEXT,
  PRIMARY KEY ("Mandant", "Mitarbeiter Nummer"),
  FOREIGN KEY ("Mandant", "AbtNr") REFERENCES Abteilung (Mandant, AbtNr)
) WITHOUT ROWID;
CREATE TABLE "Berechtigungs Gruppen" (
  Mandant TEXT NOT NULL,
  "Kürzel" VARCHAR(20) NOT NULL,
  Bezeichnung VARCHAR(60) NOT NULL,
  PRIMARY KEY (Mandant, "Kürzel"),
  UNIQUE (Mandant, Bezeichnung)
) WITHOUT ROWID;
CREATE TABLE "Zuordnung" (
  Mandant TEXT NOT NULL,
  "Kürzel" VARCHAR(20) NOT NULL,
  "Mitarbeiter Nummer" TEXT NOT NULL,
  "Vergeben von" TEXT NOT NULL,
  PRIMARY KEY (Mandant, "Kürzel", "Mitarbeiter Nummer"),
  FOREIGN KEY (Mandant, "Kürzel") REFERENCES "Berechtigungs Gruppen",
  FOREIGN KEY (Mandant, "Mitarbeiter Nummer") REFERENCES "Mitarbeiter ""Stamm"""
) WITHOUT ROWID;
-- Nothing tells its rows apart.
CREATE TABLE "Mitarbeiter Telefon" (
  Mandant TEXT NOT NULL,
  "Mitarbeiter Nummer" TEXT NOT NULL,
  Art TEXT,
  Rufnummer VARCHAR(30) NOT NULL,
  FOREIGN KEY (Mandant, "Mitarbeiter Nummer") REFERENCES "Mitarbeiter ""Stamm"""
);
-- Looks like people, and is what was.
CREATE TABLE "Mitarbeiter Historie" (Benutzername TEXT, Vorname TEXT, "Nach Name" TEXT, Email TEXT, Am TEXT);
INSERT INTO Abteilung VALUES ('NORD', 1, 'Vertrieb'), ('NORD', 2, 'Einkauf'), ('SUED', 1, 'Vertrieb');
INSERT INTO "Mitarbeiter ""Stamm""" VALUES
  ('NORD', 'M-1', 'anna', 'Anna', 'Öztürk', 'anna@nord.example.test', 0, 'Kiel', 1, '2024-02-01T08:00:00Z', NULL),
  ('NORD', 'M-2', 'bernd', 'Bernd', 'Groß', NULL, 1, 'Kiel', 2, '2024-02-02T08:00:00Z', 'x'),
  ('NORD', 'M-3', 'cem', 'Cem', 'Ay', NULL, 0, 'Emden', NULL, '2024-02-03T08:00:00Z', NULL),
  ('SUED', 'M-1', 'dora', 'Dora', 'Huber', NULL, 0, 'Ulm', 1, '2024-02-04T08:00:00Z', NULL);
INSERT INTO "Berechtigungs Gruppen" VALUES ('NORD', 'LES', 'Leser'), ('NORD', 'SCH', 'Schreiber'), ('SUED', 'LES', 'Leser');
INSERT INTO "Zuordnung" VALUES ('NORD', 'LES', 'M-1', 'admin'), ('NORD', 'LES', 'M-2', 'admin'), ('SUED', 'LES', 'M-1', 'admin');
INSERT INTO "Mitarbeiter Telefon" VALUES ('NORD', 'M-1', 'dienstlich', '+49 431 1'), ('NORD', 'M-1', 'Handy', '+49 170 1');
