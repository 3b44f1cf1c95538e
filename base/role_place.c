/* SPDX-License-Identifier: ISC */
#include "base/role.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/role_row.h"

#define ID_MAX (UINT32_MAX - 1) /* -1 means "as it is" to setresuid(2) */
#define FD_MAX 65535

static void put_number(struct out *o, bool is, uint64_t v)
{
	if (is)
		out_u64(o, v);
	else
		out_octet(o, '-');
	out_octet(o, ':');
}

void role_place_print(struct out *o, const struct role_place *place)
{
	put_number(o, place->as_root, place->uid);
	put_number(o, place->as_root, place->gid);
	put_number(o, place->folder >= 0, (uint64_t)place->folder);
	out_str(o, place->required ? "required" : "optional");
}

/* The part up to the next colon, which is skipped; *restp: what follows. */
static struct span part(struct span *restp)
{
	const size_t n = span_chr(*restp, ':');
	const struct span s = span_sub(*restp, 0, n);

	*restp = span_from(*restp, n + (n < restp->n));
	return s;
}

/* A number, or "-": then *isp is false. */
static bool take_number(struct span *restp, uint64_t min, uint64_t max, bool *isp, uint64_t *vp)
{
	const struct span s = part(restp);

	*vp = 0;
	*isp = !span_eq(s, SPAN("-"));
	return !*isp || (span_u64(s, max, vp) && *vp >= min);
}

static bool take_required(struct span s, bool *requiredp)
{
	*requiredp = span_eq(s, SPAN("required"));
	return *requiredp || span_eq(s, SPAN("optional"));
}

bool role_place_parse(struct span text, struct role_place *placep)
{
	bool has_uid, has_gid, has_folder, required;
	uint64_t uid, gid, folder;

	if (!take_number(&text, 1, ID_MAX, &has_uid, &uid) ||
		!take_number(&text, 1, ID_MAX, &has_gid, &gid) ||
		!take_number(&text, 3, FD_MAX, &has_folder, &folder) ||
		!take_required(text, &required))
		return false;
	if (has_uid != has_gid || (has_uid && !has_folder))
		return false;
	*placep = (struct role_place){ .as_root = has_uid,
		.uid = (uid_t)uid,
		.gid = (gid_t)gid,
		.folder = has_folder ? (int)folder : -1,
		.required = required };
	return true;
}

int role_stand(enum role_id role, const struct role_place *place)
{
	const int r = place->folder >= 0 && fchdir(place->folder) < 0 ? -errno : 0;

	if (r < 0)
		fprintf(stderr, "%s: its folder cannot be entered: %s\n", role_program(role),
			strerror(-r));
	return r;
}
