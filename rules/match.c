/* SPDX-License-Identifier: ISC */
#include "rules/rules.h"
