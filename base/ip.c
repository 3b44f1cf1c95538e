/* SPDX-License-Identifier: ISC */
#include "base/ip.h"
