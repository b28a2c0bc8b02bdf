/* The lease protocol of ledger/store/claims.py, for spin.

   Workers claim batches of jobs under a lease, do them and settle them; they may be killed
   or paused between any two transactions. The coordinator takes back what the dead hold,
   and what is expired at two looks in a row. A transaction is an `atomic` here; that it
   really is one, wherever it is cut, is shown by tests/store/test_simulation.py on SQLite.
   Left out: phases, attempts, failed jobs, new plans. They are in that simulation, too.

   What a part stands for is said by @label: statements of ledger/store/queries.sql.
   docs/architecture.md has them in a table; tests/store/test_model.py compares and runs

       spin -a lease.pml && gcc -DSAFETY -DNOCLAIM -o pan pan.c && ./pan
       spin -a lease.pml && gcc -o pan pan.c && ./pan -a -f

   The first looks for a broken assertion and for an end at which somebody still waits, the
   second for a fair run in which some job is never done. Each of -DNO_FENCE,
   -DREUSED_TOKENS, -DSPLIT_CLAIM, -DNO_SECOND_LOOK and -DNO_RELEASE, given to spin, breaks
   the protocol, and one of the two says so. */

#define JOBS    3
#define TROUBLE 2                   /* deaths and expiries in one run, together */
#ifndef WORKERS
#define WORKERS 3
#endif
#define CLAIMS  (JOBS + TROUBLE)    /* only trouble makes a job be claimed again */
#define BIT(n)  (1 << (n))

mtype = { pending, running, done };
mtype state[JOBS] = pending;
byte lease[JOBS];                   /* the token that a running job is held under */
/* Sets of leases, a bit for each token from 1. The rows of `leases` are those in `live`. */
byte live;
byte expired;
byte dead;                          /* whose worker was killed: the kernel says so */
byte suspect;                       /* that the coordinator found expired at its last look */

byte waiting = JOBS;                /* jobs that are pending */
byte finished;                      /* jobs that are done */
byte trouble;
byte living = WORKERS;

/* Only for the assertions: no worker and no statement reads these. */
byte claims;                        /* they are numbered */
byte holder[JOBS];                  /* the claim that a job was last taken by */
byte accepted[(CLAIMS + 1) * JOBS]; /* settlements of a job by a claim */
byte made[JOBS];                    /* how often a job became done */

ltl every_job_is_done { <> (finished == JOBS) }

inline forget() { token = 0; batch = 0; number = 0 }

/* Read which jobs to take: the first one, and more of them up to any limit. */
inline look_for_jobs() {
    /* @claim.read: claimable_set, claimable */
    for (j : 0 .. JOBS - 1) {
        if
        :: state[j] == pending -> batch = batch | BIT(j)
        :: state[j] != pending || batch != 0 -> skip
        fi
    }
}

inline take_jobs() {
    /* @claim.take: open_lease, take_one, take_many */
    claims++;
    number = claims;
    token = claims;                 /* AUTOINCREMENT: no token is given out twice */
    assert(token <= CLAIMS);
#ifdef REUSED_TOKENS
    token = 1;
    do
    :: live & BIT(token) -> token++
    :: else -> break
    od;
#endif
    live = live | BIT(token);
    for (j : 0 .. JOBS - 1) {
        if
        :: batch & BIT(j) ->
            assert(state[j] == pending);    /* one live lease a job, at most */
            state[j] = running; lease[j] = token; holder[j] = number; waiting--
        :: else
        fi
    }
}

/* Settle some of the batch, one job at least; keep the rest or give it back. */
inline settle() {
    held = true;
    for (j : 0 .. JOBS - 1) {
        if
        :: batch & BIT(j) -> now = now | BIT(j)
        :: !(batch & BIT(j)) || now != 0 -> skip
        fi
    }
#ifndef NO_FENCE
    for (j : 0 .. JOBS - 1) {       /* as many rows have to change as were named */
        /* @settle.fence: lease_is_live, settle_one, settle_many, settle_undone */
        held = held && (!(now & BIT(j)) || lease[j] == token)
    }
#endif
    if
    :: held ->
        write_settlements();
        batch = batch & ~now;
        if
        :: batch != 0               /* kept: jobs with effects settle one by one */
        :: give_back(token); forget()
        fi
    :: else -> forget()             /* refused: the jobs are somebody else's by now */
    fi;
    now = 0; held = false
}

inline write_settlements() {
    for (j : 0 .. JOBS - 1) {
        if
        :: now & BIT(j) ->
            accepted[number * JOBS + j]++; made[j]++; finished++;
            assert(accepted[number * JOBS + j] == 1);   /* one accepted settle a claim */
            assert(holder[j] == number);                /* and that by who holds the job */
            assert(made[j] == 1);                       /* one effective settle a job */
            /* @settle.write: settle_one, settle_many, settle_undone */
            state[j] = done; lease[j] = 0
        :: else
        fi
    }
}

inline give_back(given) {
    for (j : 0 .. JOBS - 1) {
        if
        :: state[j] == running && lease[j] == given ->
#ifndef NO_RELEASE
            /* @give_back.jobs: release */
            state[j] = pending; lease[j] = 0; waiting++
#endif
        :: else
        fi
    }
    /* @give_back.lease: close_lease */
    live = live & ~BIT(given);
    expired = expired & live; dead = dead & live; suspect = suspect & live
}

proctype worker() {
    byte token, batch, number;      /* what it remembers of its claim */
    byte now, j;
    bool held;

    do
    :: atomic { token == 0 && waiting > 0 -> look_for_jobs();
#ifdef SPLIT_CLAIM
       } atomic { true ->
#endif
        take_jobs(); j = 0 }
    :: atomic { token != 0 -> settle(); j = 0 }
    :: atomic {                     /* its heart beats; unless it is too late */
        /* @renew: renew */
        token != 0 && (live & expired & BIT(token)) -> expired = expired & ~BIT(token) }
    :: atomic {                     /* it is paused for longer than its lease */
        token != 0 && trouble < TROUBLE && (live & ~expired & BIT(token)) ->
        trouble++; expired = expired | BIT(token) }
    :: atomic {                     /* it is killed, and another one started */
        token != 0 && trouble < TROUBLE ->
        trouble++; dead = dead | (live & BIT(token)); forget() }
    :: atomic {                     /* it is killed for good: somebody else lives */
        token != 0 && trouble < TROUBLE && living > 1 ->
        trouble++; living--; dead = dead | (live & BIT(token)); forget(); break }
    :: atomic { token == 0 && finished == JOBS -> break }
    od
}

proctype coordinator() {
    byte t, j;

    do
    :: atomic { dead != 0 ->
        for (t : 1 .. CLAIMS) {
            /* @reap.dead: leases_of */
            if
            :: dead & BIT(t) -> give_back(t)
            :: else
            fi
        }
        t = 0; j = 0 }
    :: atomic { (expired & ~suspect) != 0 ->
        /* @reap.look: expired_leases */
        suspect = expired }
    :: atomic { suspect != 0 ->
        for (t : 1 .. CLAIMS) {
            if
#ifdef NO_SECOND_LOOK
            :: suspect & BIT(t) ->
#else
            /* @reap.expired: expired_leases */
            :: suspect & expired & BIT(t) ->
#endif
                assert(expired & BIT(t));   /* who has shown a sign of life is not robbed */
                give_back(t)
            :: else
            fi
        }
        suspect = 0; t = 0; j = 0 }
    :: atomic {                     /* it is killed; the next one adopts, and looks anew */
        suspect != 0 && trouble < TROUBLE -> trouble++; suspect = 0 }
    :: atomic { finished == JOBS -> break }
    od
}

init {
    byte n;
    atomic {
        for (n : 1 .. WORKERS) { run worker() }
        run coordinator()
    }
}
