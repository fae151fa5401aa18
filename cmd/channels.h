/* channels: the service's end of the control socket: channels to the keeper, and the word to stop.
 */
#ifndef CMD_CHANNELS_H
#define CMD_CHANNELS_H

/* A thread's main function; `keeper` is the struct keeper_client that channels are given to. Ends
 * the process with SIGTERM when the supervisor says so, or is gone. */
void *channels_main(void *keeper);

#endif
