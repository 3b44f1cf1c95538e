/* SPDX-License-Identifier: ISC */
/* Doctor: may the certificates of relays still be shown, and who may read their keys? */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"

#define SOON_DAYS 14

/* As the rules name it: from the folder of rules.conf. Return: -1 errno. */
static int open_beside(const struct doctor *d, const char *path)
{
	const int folder = open(d->c->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const int fd = openat(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const int error = errno;

	if (folder >= 0)
		close(folder);
	errno = error;
	return fd;
}

/* ---- the certificate ---- */

static X509 *read_first(int fd)
{
	BIO *in = BIO_new_fd(fd, BIO_NOCLOSE);
	X509 *x = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	BIO_free(in);
	ERR_clear_error();
	return x;
}

static void tell_days(struct doctor *d, const struct certificate *c, int days)
{
	struct doctor_finding *f;

	if (days >= SOON_DAYS) {
		doctor_tell(d, DOCTOR_OK, NULL, c->at, "certificate %s is good for %d days",
			c->name, days);
		return;
	}
	f = days < 0 ? doctor_tell(
			       d, DOCTOR_FAULT, NULL, c->at, "certificate %s has expired", c->name)
		     : doctor_tell(d, DOCTOR_WARNING, NULL, c->at,
			       "certificate %s expires within %d days", c->name, days + 1);
	doctor_advise(f, "renew %s, then type \"postern apply\"", c->chain);
}

static void examine_dates(struct doctor *d, const struct certificate *c, const X509 *x)
{
	struct doctor_finding *f;
	int days = 0, seconds = 0;

	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0) {
		f = doctor_tell(d, DOCTOR_FAULT, NULL, c->at,
			"certificate %s is not valid yet, by the clock of this host", c->name);
		doctor_advise(f, "set the clock, or have another made");
		return;
	}
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) == 1)
		tell_days(d, c, seconds < 0 ? days - 1 : days);
}

static void examine_chain(struct doctor *d, const struct certificate *c)
{
	const int fd = open_beside(d, c->chain);
	X509 *x = fd >= 0 ? read_first(fd) : NULL;

	if (x != NULL)
		examine_dates(d, c, x);
	else if (fd < 0)
		doctor_tell(d, errno == EACCES ? DOCTOR_SKIPPED : DOCTOR_FAULT, NULL, c->at,
			"%s: %s", c->chain, strerror(errno));
	else
		doctor_advise(doctor_tell(d, DOCTOR_FAULT, NULL, c->at, "%s holds no certificate",
				      c->chain),
			"put it there in PEM, its own first, then those of the authorities");
	X509_free(x);
	if (fd >= 0)
		close(fd);
}

/* ---- files that hold secrets; posternd refuses what is told here ---- */

static void examine_secret(struct doctor *d, struct rules_at at, const char *path, const char *what)
{
	const int fd = open_beside(d, path);
	struct stat st;

	if (fd < 0) {
		doctor_tell(d, errno == EACCES ? DOCTOR_SKIPPED : DOCTOR_FAULT, NULL, at,
			"%s %s: %s", what, path, strerror(errno));
		return;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		doctor_type(doctor_tell(d, DOCTOR_FAULT, NULL, at, "%s %s: everybody may %s it",
				    what, path, st.st_mode & S_IWOTH ? "write to" : "read"),
			"chmod o-rw %s%s%s", path[0] == '/' ? "" : d->c->dir,
			path[0] == '/' ? "" : "/", path);
	else
		doctor_tell(d, DOCTOR_OK, NULL, at, "%s %s is for few to read", what, path);
	close(fd);
}

void doctor_certificates(struct doctor *d)
{
	for (size_t i = 0; i < d->rules->n_certificates; i++) {
		const struct certificate *c = d->rules->certificates[i];

		examine_chain(d, c);
		examine_secret(d, c->at, c->key, "key");
	}
	for (size_t i = 0; i < d->rules->n_auths; i++)
		if (d->rules->auths[i]->via == AUTH_FILE)
			examine_secret(d, d->rules->auths[i]->at, d->rules->auths[i]->via_text,
				"password file");
}
