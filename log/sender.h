/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sender: a process's side of the log
 *
 * Gathers records and hands them to postern-log in batches: one packet of whole lines, at most
 * LOG_BATCH_MAX octets, over the SOCK_SEQPACKET descriptor that posternd made (one pair for each
 * sender; a packet is never torn). Nothing here ever waits for the log: when
 * postern-log is slow or gone, records stay in the buffer until it is full, further ones are
 * dropped and counted, and the first record that fits again is a PN8001 with the count.
 *
 * Owns:    its buffer, embedded (one sender a process). The descriptor is borrowed.
 * Callers: log/facts.c; the loops of proxy and posternd for init, flush, close.
 * Threads: one.
 */
#include "base/record.h"
#include "log/flood.h"

#define LOG_BATCH_MAX   65536               /* octets of one packet */
#define LOG_SENDER_SIZE (8 * LOG_BATCH_MAX) /* a slow log; untouched pages cost nothing */

struct log_sender {
	int fd;                 /* -1: postern-log is gone */
	uint64_t dropped;       /* records, not yet told by a PN8001 */
	uint64_t lost;          /* records dropped since the beginning */
	size_t n;               /* octets of whole records waiting */
	struct log_flood flood; /* log/facts.c's */
	struct record record;
	uint8_t buffer[LOG_SENDER_SIZE];
};

/* @fd: sending end of the pair, whose room in the kernel is enlarged; -1 drops and counts
 * everything. */
void log_sender_init(struct log_sender *s, int fd);

/**
 * log_sender_begin() - begin a record
 *
 * Sends first when a whole batch waits.
 *
 * Return: the record, to be filled in and given to log_sender_end(); NULL: no room, it is counted
 * as dropped.
 */
struct record *log_sender_begin(struct log_sender *s, int64_t wall_ns, const char *code,
	const char *severity, const char *event);
void log_sender_end(struct log_sender *s);

/* Sends what waits; once per round of the loop, as its last act before it sleeps. Costs nothing
 * when nothing waits. */
void log_sender_flush(struct log_sender *s, int64_t wall_ns);

/* As flush, but waits for a slow log as long as it takes a batch each @patience_ms: at the end of a
 * process. Returns how many records were lost. */
uint64_t log_sender_close(struct log_sender *s, int64_t wall_ns, int patience_ms);
