-- The functions whose place history_pages has taken: no replica that an upgrade may still meet calls them. entries_last stays,
-- since history_pages calls it.
drop function entries_page(uuid, uuid, boolean, timestamptz, timestamptz, bigint, bigint);
drop function entries_pages(uuid, boolean, uuid[], bigint[], timestamptz[], timestamptz[], timestamptz[], bigint[], bigint[]);
