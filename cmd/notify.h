/* notify: tells the service manager how we are (sd_notify's protocol), when there is one. */
#ifndef CMD_NOTIFY_H
#define CMD_NOTIFY_H

void notify_manager(const char *state); /* "READY=1", "STOPPING=1", "STATUS=..." */

#endif
