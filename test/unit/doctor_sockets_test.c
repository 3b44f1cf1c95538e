/* SPDX-License-Identifier: ISC */
#include "cli/doctor_sockets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/support.h"

#define HEAD                                                                                       \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "      \
	"timeout inode\n"
#define TAIL " 00000000:00000000 00:00000000 00000000     0        0 "

/* In the order of this machine, as the kernel prints them. */
static const char *word(const char *address)
{
	static char text[16];
	struct in_addr a;

	assert_int_equal(inet_pton(AF_INET, address, &a), 1);
	snprintf(text, sizeof(text), "%08X", a.s_addr);
	return text;
}

static struct ip_port at(const char *text)
{
	struct ip_port a;

	assert_true(ip_port_parse(span_str(text), &a));
	return a;
}

static uint64_t found(const struct sockets *s, const char *text)
{
	const struct ip_port a = at(text);
	const struct sockets_listener *l = sockets_find(s, &a);

	return l != NULL ? l->inode : 0;
}

static void listeners_are_found_by_address_and_port(void **state)
{
	struct sockets s = { 0 };
	char text[1024];
	int n;

	(void)state;
	n = snprintf(text, sizeof(text), HEAD "   0: %s:0019 00000000:0000 0A" TAIL "11 1 x\n",
		word("198.51.100.2"));
	n += snprintf(text + n, sizeof(text) - (size_t)n,
		"   1: %s:024B 00000000:0000 0A" TAIL "12 1 x\n"
		"   2: %s:0050 00000000:0000 01" TAIL "13 1 x\n",
		word("0.0.0.0"), word("0.0.0.0"));
	assert_int_equal(sockets_read(&s, span_of(text, (size_t)n)), 0);
	snprintf(text, sizeof(text),
		HEAD
		"  0: 00000000000000000000000000000000:001A 00000000000000000000000000000000:0000 "
		"0A" TAIL "14 1\n");
	assert_int_equal(sockets_read(&s, span_str(text)), 0);
	assert_int_equal(found(&s, "198.51.100.2:25"), 11);
	assert_int_equal(found(&s, "198.51.100.3:25"), 0);
	assert_int_equal(found(&s, "198.51.100.3:587"), 12);
	assert_int_equal(found(&s, "[2001:db8::1]:587"), 0);
	assert_int_equal(found(&s, "198.51.100.2:80"), 0); /* a connection, no listener */
	assert_int_equal(found(&s, "[2001:db8::1]:26"), 14);
	assert_int_equal(found(&s, "198.51.100.2:26"), 14); /* it takes IPv4, too */
	sockets_free(&s);
}

static void broken_text_is_passed_over(void **state)
{
	static const char text[] =
		"\n \n0A\n a: 0:0 b 0A\n 0: 0100007F:0019 x 0A 1 2 3 4 5 nan\n"
		" 0: 0100007F:10019 x 0A 1 2 3 4 5 1\n 0: 0100007:0019 x 0A 1 2 3 4 5 1\n"
		" 0: G100007F:0019 x 0A 1 2 3 4 5 1\n 0: 0100007F x 0A 1 2 3 4 5 1\n"
		" 0: 0100007F:0019 x 0A 1 2 3 4 5 99999999999999999999";
	struct sockets s = { 0 };
	struct fence f;

	(void)state;
	fence_init(&f, 4096);
	for (size_t n = 0; n < sizeof(text); n++)
		assert_int_equal(
			sockets_read(&s, span_of(fence_at_end(&f, span_of(text, n)), n)), 0);
	fence_deinit(&f);
	/* the last line, cut, has a number that is one */
	for (size_t i = 0; i < s.n; i++)
		assert_true(s.list[i].at.port == 0x19);
	sockets_free(&s);
}

static void our_own_socket_leads_to_us(void **state)
{
	char name[SOCKETS_NAME_MAX];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct stat st;
	long pid = 0;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(sockets_process(st.st_ino, &pid, name));
	assert_int_equal(pid, getpid());
	assert_true(strncmp(name, "doctor_sockets", 14) == 0);
	close(fd);
	assert_false(sockets_process(st.st_ino, &pid, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_are_found_by_address_and_port),
		cmocka_unit_test(broken_text_is_passed_over),
		cmocka_unit_test(our_own_socket_leads_to_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
