-- From which seed the sandbox made its world. Empty in production.

create table sandbox_world (
    only_row boolean not null,
    seed     bigint  not null,
    constraint sandbox_world_pk primary key (only_row),
    constraint sandbox_world_single check (only_row)
);
