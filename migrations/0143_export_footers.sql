-- What the end of a Parquet file says of a piece of it: kept with the piece, so that who writes the end need not have written the
-- pieces.
do $$ begin
    alter table export_pieces add column footer bytea;
end $$;
