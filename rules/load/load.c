/* SPDX-License-Identifier: ISC */
#include "rules/load/load.h"
