-- How large the sandbox made its world. Worlds that are older were small.

alter table sandbox_world add column scale text not null default 'small';
do $$ begin
    alter table sandbox_world add constraint sandbox_world_scale_known check (scale in ('small', 'medium', 'large'));
end $$;
