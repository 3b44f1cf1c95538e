/* SPDX-License-Identifier: ISC */
#include "filter/smtp/defect.h"
