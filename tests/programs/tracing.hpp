// Lets a system-call tracer follow this process from its first call on.
#pragma once

namespace relaunch::test {

/// Where the system has such a tracer (Linux: strace): if the folder in
/// RELAUNCH_FAULTS holds a file "successor.strace" and this process was started
/// by an incumbent, takes the file, whose lines are arguments of strace, and
/// returns when strace follows this process; its number is in the file "tracer"
/// then. Call it first in main().
void follow_if_wanted();

}  // namespace relaunch::test
