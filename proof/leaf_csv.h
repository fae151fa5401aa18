/*
 * leaf_csv: a leaf as a line of a spreadsheet (RFC 4180). A copy for the eye: what counts are the
 * leaf's own octets, and whoever has them makes the same line again.
 */
#ifndef PROOF_LEAF_CSV_H
#define PROOF_LEAF_CSV_H

#include "proof/leaf.h"

#define LEAF_CSV_HEAD "seq,st,ev,rc,sev,out,t,act,sub,c,e,cnt,win,d\r\n"

/*
 * Appends the line. A text that a spreadsheet would take for a formula (=, +, -, @ in front) gets
 * an apostrophe before it. Of what cannot be read as a leaf there is nothing but its number.
 */
void leaf_csv_append(int64_t seq, struct bytes text, struct buf *out);

#endif
