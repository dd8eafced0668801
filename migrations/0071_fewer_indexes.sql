-- History is written with each change and read seldom, and its indexes were a third of what a transfer costs the database.
-- Those go that no list needs. Writes wait while the others are built anew, a second or two for a million rows.

-- A transfer's place in the history of the account that gave is as good a key as its instant: nothing looks transfers of all
-- accounts up by time, and a transfer by its id is looked up in an account.
do $$ begin
    alter table transfers drop constraint transfers_pk;
end $$;
do $$ begin
    alter table transfers add constraint transfers_pk primary key (tenant_id, from_account, from_entry, happened_at);
end $$;
do $$ begin
    drop index transfers_from_entry;
end $$;

-- The trail is read account by account; what else is asked for is looked for among the account's. All operators are one
-- account then, their tenant, as commands already were; user_id tells them apart.
update audit_events set domain_id = tenant_id where tenant_id = '00000000-0000-0000-0000-000000000000';
do $$ begin
    alter table audit_events drop constraint audit_events_pk;
end $$;
do $$ begin
    alter table audit_events add constraint audit_events_pk primary key (tenant_id, domain_id, happened_at, event_id);
end $$;
do $$ begin
    drop index audit_events_of_account;
end $$;
do $$ begin
    drop index audit_events_of_operation;
end $$;
