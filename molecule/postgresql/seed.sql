CREATE TABLE town (name text PRIMARY KEY, people integer);
COPY town FROM stdin;
Zürich	436000
Milton Keynes	287000
\.
-- a comment without an end of line