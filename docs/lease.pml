/* The lease protocol of ledger/store/claims.py, for spin.

   Workers claim batches of jobs under a lease, do them and settle them; they may be killed
   or paused between any two transactions. The coordinator takes back what the dead hold,
   and what is expired at two looks in a row. A transaction is an `atomic` here; that it
   really is one, wherever it is cut, is shown by tests/store/test_simulation.py on SQLite.
   Left out: phases, attempts, failed jobs, new plans. They are in that simulation, too.

   An @label names the statements of ledger/store/queries.sql that a part stands for.
   docs/architecture.md lists them in a table; tests/store/test_model.py compares both and runs

       spin -a lease.pml && gcc -DSAFETY -DNOCLAIM -o pan pan.c && ./pan
       spin -a lease.pml && gcc -o pan pan.c && ./pan -a -f

   The first searches for a violated assertion and for an end state in which a process still
   waits, the second for a fair run in which some job is never done. Each of -DNO_FENCE,
   -DREUSED_TOKENS, -DSPLIT_CLAIM, -DNO_SECOND_LOOK and -DNO_RELEASE, given to spin, breaks
   the protocol, and one of the two reports it. */

#define JOBS    3
#define TROUBLE 2                   /* deaths and expiries in one run, together */
#ifndef WORKERS
#define WORKERS 3
#endif
#define CLAIMS  (JOBS + TROUBLE)    /* only trouble makes a job be claimed again */
#define BIT(n)  (1 << (n))

mtype = { pending, running, done };
mtype state[JOBS] = pending;
byte lease[JOBS];                   /* the token of a running job's lease */
/* Sets of leases, one bit per token from 1. The rows of `leases` are those in `live`. */
byte live;
byte expired;
byte dead;                          /* whose worker was killed, as its flock shows */
byte suspect;                       /* found expired by the coordinator at its last look */

byte waiting = JOBS;                /* jobs that are pending */
byte finished;                      /* jobs that are done */
byte trouble;
byte living = WORKERS;

/* Only for the assertions: neither workers nor statements read these. */
byte claims;                        /* claims are numbered */
byte holder[JOBS];                  /* the claim that last took a job */
byte accepted[(CLAIMS + 1) * JOBS]; /* settlements of a job by a claim */
byte made[JOBS];                    /* how often a job became done */

ltl every_job_is_done { <> (finished == JOBS) }

inline forget() { token = 0; batch = 0; number = 0 }

/* Choose the jobs to take: the first one, and any number of the others. */
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
    token = claims;                 /* AUTOINCREMENT: no token is issued twice */
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

/* Settle at least one job of the batch; keep the rest or release it. */
inline settle() {
    held = true;
    for (j : 0 .. JOBS - 1) {
        if
        :: batch & BIT(j) -> now = now | BIT(j)
        :: !(batch & BIT(j)) || now != 0 -> skip
        fi
    }
#ifndef NO_FENCE
    for (j : 0 .. JOBS - 1) {       /* as many rows must change as were named */
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
    :: else -> forget()             /* refused: another claim holds the jobs now */
    fi;
    now = 0; held = false
}

inline write_settlements() {
    for (j : 0 .. JOBS - 1) {
        if
        :: now & BIT(j) ->
            accepted[number * JOBS + j]++; made[j]++; finished++;
            assert(accepted[number * JOBS + j] == 1);   /* one accepted settle a claim */
            assert(holder[j] == number);                /* and only by the holder */
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
    byte token, batch, number;      /* what the worker knows of its claim */
    byte now, j;
    bool held;

    do
    :: atomic { token == 0 && waiting > 0 -> look_for_jobs();
#ifdef SPLIT_CLAIM
       } atomic { true ->
#endif
        take_jobs(); j = 0 }
    :: atomic { token != 0 -> settle(); j = 0 }
    :: atomic {                     /* a heartbeat, unless it is too late */
        /* @renew: renew */
        token != 0 && (live & expired & BIT(token)) -> expired = expired & ~BIT(token) }
    :: atomic {                     /* it is paused for longer than its lease */
        token != 0 && trouble < TROUBLE && (live & ~expired & BIT(token)) ->
        trouble++; expired = expired | BIT(token) }
    :: atomic {                     /* it is killed, and another one started */
        token != 0 && trouble < TROUBLE ->
        trouble++; dead = dead | (live & BIT(token)); forget() }
    :: atomic {                     /* it is killed and not replaced: another one lives */
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
                assert(expired & BIT(t));   /* a lease that was renewed is not reaped */
                give_back(t)
            :: else
            fi
        }
        suspect = 0; t = 0; j = 0 }
    :: atomic {                     /* it is killed; the next one recovers and looks again */
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
