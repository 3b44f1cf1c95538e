/* SPDX-License-Identifier: ISC */
#include "rules/diag.h"
