-- The maintenance switch. No row: it is off, and so it is from `ends_at` on. Each replica keeps it in memory and looks again
-- each second.

create table maintenance (
    only_row boolean     not null,
    scope    text        not null,          -- what is refused: all operations of the partner API, or those that write
    message  text        not null,          -- for callers
    begun_at timestamptz not null,
    ends_at  timestamptz,                   -- null: when it is turned off
    constraint maintenance_pk primary key (only_row),
    constraint maintenance_single check (only_row),
    constraint maintenance_scope_known check (scope in ('all', 'writes')),
    constraint maintenance_time_forward check (begun_at < ends_at)
);
select place_everywhere('maintenance');
