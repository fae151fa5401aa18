/* program_path: where the other programs are: in the folder of the one that runs. */
#ifndef CMD_PROGRAM_PATH_H
#define CMD_PROGRAM_PATH_H

char *program_path(const char *name); /* the caller frees */

#endif
