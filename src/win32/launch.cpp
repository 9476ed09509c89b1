#include <algorithm>
#include <optional>
#include <string_view>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/process.hpp"
#include "win32/passing.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

namespace fs = std::filesystem;

namespace {

// https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessw
constexpr std::size_t kMaxCommandLine = 32767;  // with its end
constexpr std::size_t kMaxVariable = 32767;

Error refused(const LaunchRequest& request, std::string_view why) {
  return Error{make_error_code(errc::invalid_argument),
               text::cat("cannot start ", request.executable, ": ", why)};
}

// cmd.exe reads a batch file's arguments by rules that quoting cannot meet: an
// argument could start another program.
bool is_batch_file(const fs::path& executable) {
  std::wstring name = executable.wstring();
  while (!name.empty() && (name.back() == L' ' || name.back() == L'.')) {
    name.pop_back();
  }
  if (name.size() < 4) return false;
  const wchar_t* const end = name.c_str() + name.size() - 4;
  return CompareStringOrdinal(end, 4, L".bat", 4, TRUE) == CSTR_EQUAL ||
         CompareStringOrdinal(end, 4, L".cmd", 4, TRUE) == CSTR_EQUAL;
}

Result<std::wstring> command_line(const LaunchRequest& request) {
  if (request.arguments.empty()) return refused(request, "it has no name");
  if (request.arguments.front().find('"') != std::string::npos) {
    return refused(request, "its name has a quotation mark");
  }
  std::wstring line;
  for (const std::string& argument : request.arguments) {
    if (argument.find('\0') != std::string::npos) {
      return refused(request, "an argument has a zero character");
    }
    const std::wstring word = win32::wide(argument);
    if (!line.empty()) line += L' ';
    // A backslash means itself in the name, also before its closing quote.
    line += &argument == &request.arguments.front() ? L'"' + word + L'"'
                                                    : win32::quoted(word);
  }
  if (line.size() >= kMaxCommandLine) {
    return refused(request, text::cat("its command line has ", line.size(),
                                      " characters, the system takes ",
                                      kMaxCommandLine - 1));
  }
  return line;
}

std::wstring_view name_of(std::wstring_view entry) {
  return entry.substr(0, entry.find(L'='));
}

int compare_names(std::wstring_view left, std::wstring_view right) {
  const std::wstring_view a = name_of(left);
  const std::wstring_view b = name_of(right);
  return CompareStringOrdinal(a.data(), static_cast<int>(a.size()), b.data(),
                              static_cast<int>(b.size()), TRUE) -
         CSTR_EQUAL;
}

// NAME=VALUE, each with its end, sorted by name without regard to case, and
// one more end. Of two with the same name the later one counts.
Result<std::wstring> environment_block(const LaunchRequest& request,
                                       const Environment& environment) {
  std::vector<std::wstring> entries;
  for (const std::string& entry : environment) {
    const auto equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos ||
        entry.find('\0') != std::string::npos) {
      return refused(request, text::cat("no NAME=VALUE in its environment: ",
                                        text::printable(entry)));
    }
    entries.push_back(win32::wide(entry));
    if (entries.back().size() >= kMaxVariable) {
      return refused(request,
                     text::cat("the environment variable ",
                               entry.substr(0, equals), " is too long"));
    }
  }
  std::stable_sort(
      entries.begin(), entries.end(),
      [](const auto& a, const auto& b) { return compare_names(a, b) < 0; });
  std::wstring block;
  for (std::size_t i = 0; i != entries.size(); ++i) {
    if (i + 1 != entries.size() &&
        compare_names(entries[i], entries[i + 1]) == 0) {
      continue;
    }
    block += entries[i];
    block += L'\0';
  }
  if (block.empty()) block += L'\0';
  block += L'\0';
  return block;
}

// What the child is to get: inheritable duplicates that exist only during the
// launch. A handle that is inheritable for longer would leak into every child
// that the host starts without a list of its own.
class Inheritance {
 public:
  Result<native_handle> add(native_handle handle) {
    auto copy = win32::duplicate(handle, true);
    if (!copy) return copy.error();
    return keep(std::move(*copy));
  }
  native_handle keep(Handle inheritable) {
    const native_handle native = inheritable.get();
    kept_.push_back(std::move(inheritable));
    list_.push_back(native);
    return native;
  }
  std::vector<HANDLE>& list() { return list_; }

 private:
  std::vector<Handle> kept_;
  std::vector<HANDLE> list_;
};

struct StandardStreams {
  HANDLE input = INVALID_HANDLE_VALUE;
  HANDLE output = INVALID_HANDLE_VALUE;
  HANDLE error = INVALID_HANDLE_VALUE;
};

Result<StandardStreams> captured_streams(const LaunchRequest& request,
                                         Inheritance& inheritance) {
  SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
  Handle nothing{CreateFileW(L"NUL", GENERIC_READ,
                             FILE_SHARE_READ | FILE_SHARE_WRITE, &inheritable,
                             OPEN_EXISTING, 0, nullptr)};
  if (!nothing) {
    const DWORD code = GetLastError();
    return win32::failure(
        text::cat("cannot start ", request.executable, ": CreateFileW NUL"),
        code);
  }
  auto output = inheritance.add(request.output);
  if (!output) return output.error();
  auto error =
      request.error == kNoHandle ? output : inheritance.add(request.error);
  if (!error) return error.error();
  return StandardStreams{inheritance.keep(std::move(nothing)), *output, *error};
}

// A program without a console, or one that closed its streams, has none to
// pass on: that is no error.
Result<StandardStreams> inherited_streams(Inheritance& inheritance) {
  const auto stream = [&](DWORD which) -> HANDLE {
    const HANDLE own = GetStdHandle(which);
    auto copy = inheritance.add(own);
    return copy ? *copy : INVALID_HANDLE_VALUE;
  };
  return StandardStreams{stream(STD_INPUT_HANDLE), stream(STD_OUTPUT_HANDLE),
                         stream(STD_ERROR_HANDLE)};
}

// The attribute list that names what is inherited; nothing else is.
class HandleList {
 public:
  bool prepare(std::vector<HANDLE>& handles) {
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    storage_.resize(size);
    auto* const list = get();
    if (!InitializeProcThreadAttributeList(list, 1, 0, &size)) return false;
    initialized_ = true;
    return UpdateProcThreadAttribute(
               list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles.data(),
               handles.size() * sizeof(HANDLE), nullptr, nullptr) != 0;
  }
  LPPROC_THREAD_ATTRIBUTE_LIST get() {
    return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(storage_.data());
  }
  HandleList() = default;
  HandleList(const HandleList&) = delete;
  HandleList& operator=(const HandleList&) = delete;
  ~HandleList() {
    if (initialized_) DeleteProcThreadAttributeList(get());
  }

 private:
  std::vector<char> storage_;
  bool initialized_ = false;
};

// A job whose last handle takes the processes in it along.
Result<Handle> make_tree() {
  Handle job = win32::own(CreateJobObjectW(nullptr, nullptr));
  if (!job) return win32::failure("cannot make a job: CreateJobObjectW");
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  if (!SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation,
                               &limits, sizeof limits)) {
    return win32::failure("cannot make a job: SetInformationJobObject");
  }
  return job;
}

// May a child leave the job that we are in (a console host's, a CI agent's)?
// A successor that stays in it could be ended with us.
bool may_break_away() {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  BOOL in_job = FALSE;
  return IsProcessInJob(GetCurrentProcess(), nullptr, &in_job) && in_job &&
         QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation,
                                   &limits, sizeof limits, nullptr) &&
         (limits.BasicLimitInformation.LimitFlags &
          JOB_OBJECT_LIMIT_BREAKAWAY_OK) != 0;
}

// A console program without a console opens a window. Who has descendants gets
// a console that is not seen, for them to share; who is only the next of us
// gets what we have, or none if we have none.
DWORD console_flags(const LaunchRequest& request) {
  switch (request.console) {
    case Console::own:
      return CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP;
    case Console::own_for_ctrl_c:
      return CREATE_NO_WINDOW;
    case Console::none:
      return DETACHED_PROCESS;
    case Console::shared:
      break;
  }
  if (request.own_tree) return CREATE_NO_WINDOW;
  const bool have_console = GetConsoleCP() != 0;
  if (!have_console) return DETACHED_PROCESS;
  return request.output == kNoHandle ? 0 : CREATE_NO_WINDOW;
}

bool starts_suspended(const LaunchRequest& request) {
  return request.own_tree || !request.listeners.empty();
}

DWORD creation_flags(const LaunchRequest& request) {
  DWORD flags = CREATE_UNICODE_ENVIRONMENT | console_flags(request);
  if (starts_suspended(request)) flags |= CREATE_SUSPENDED;
  if (!request.own_tree && may_break_away()) flags |= CREATE_BREAKAWAY_FROM_JOB;
  return flags;
}

struct Started {
  Handle process;
  Handle thread;
  ProcessId id = 0;
};

Result<Started> create(const LaunchRequest& request, std::wstring line,
                       std::wstring environment, STARTUPINFOEXW& startup,
                       bool inherit) {
  const std::wstring folder = request.folder.wstring();
  DWORD flags = creation_flags(request);
  if (inherit) flags |= EXTENDED_STARTUPINFO_PRESENT;
  PROCESS_INFORMATION info{};
  const auto attempt = [&] {
    return !fault("process.launch") &&
           CreateProcessW(request.executable.c_str(), line.data(), nullptr,
                          nullptr, inherit ? TRUE : FALSE, flags,
                          environment.data(),
                          folder.empty() ? nullptr : folder.c_str(),
                          &startup.StartupInfo, &info) != 0;
  };
  bool started = attempt();
  // Wine 8 answers so now and then when several processes start at once; none
  // has been started then. Not known of Windows, where it does no harm.
  if (!started && GetLastError() == ERROR_INTERNAL_ERROR) started = attempt();
  if (!started && GetLastError() == ERROR_ACCESS_DENIED &&
      (flags & CREATE_BREAKAWAY_FROM_JOB) != 0) {
    flags &= ~DWORD{CREATE_BREAKAWAY_FROM_JOB};  // an outer job forbids it
    started = attempt();
  }
  if (!started) {
    const DWORD code = GetLastError();
    return win32::failure(
        text::cat("cannot start ", request.executable, ": CreateProcessW"),
        code);
  }
  return Started{Handle{info.hProcess}, Handle{info.hThread}, info.dwProcessId};
}

// The environment with the variables that name the passed handles.
Result<Environment> with_handles(const LaunchRequest& request,
                                 Inheritance& inheritance) {
  Environment environment = request.environment;
  for (const PassedHandle& passed : request.handles) {
    auto copy = inheritance.add(passed.handle);
    if (!copy) {
      return Error{copy.error().code(),
                   text::cat("cannot start ", request.executable,
                             ": DuplicateHandle for ", passed.variable)};
    }
    environment.push_back(text::cat(passed.variable, "=",
                                    reinterpret_cast<std::uintptr_t>(*copy)));
  }
  return environment;
}

Result<Started> create_with_handles(const LaunchRequest& request,
                                    std::wstring line) {
  Inheritance inheritance;
  auto streams = request.output == kNoHandle
                     ? inherited_streams(inheritance)
                     : captured_streams(request, inheritance);
  if (!streams) return streams.error();
  auto environment = with_handles(request, inheritance);
  if (!environment) return environment.error();
  auto block = environment_block(request, *environment);
  if (!block) return block.error();

  STARTUPINFOEXW startup{};
  startup.StartupInfo.cb = sizeof startup;
  startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  startup.StartupInfo.hStdInput = streams->input;
  startup.StartupInfo.hStdOutput = streams->output;
  startup.StartupInfo.hStdError = streams->error;
  // An empty list is an error to the system: then nothing is inherited at all.
  const bool inherit = !inheritance.list().empty();
  HandleList list;
  if (inherit && !list.prepare(inheritance.list())) {
    const DWORD code = GetLastError();
    return win32::failure(text::cat("cannot start ", request.executable,
                                    ": UpdateProcThreadAttribute"),
                          code);
  }
  startup.lpAttributeList = inherit ? list.get() : nullptr;
  if (!inherit) startup.StartupInfo.cb = sizeof startup.StartupInfo;
  return create(request, std::move(line), std::move(*block), startup, inherit);
}

// Before its first instruction: into its job, so that no descendant escapes;
// its listeners, so that it has them at once.
Result<void> equip(const LaunchRequest& request, const Started& started,
                   const Handle& tree,
                   const std::optional<win32::Passing>& passing) {
  const auto failed = [&](const char* call) {
    const DWORD code = GetLastError();
    return win32::failure(
        text::cat("cannot start ", request.executable, ": ", call), code);
  };
  if (request.own_tree &&
      !AssignProcessToJobObject(tree.get(), started.process.get())) {
    return failed("AssignProcessToJobObject");
  }
  if (passing) {
    auto filled = passing->fill(request.listeners, started.id);
    if (!filled) return filled;
  }
  if (ResumeThread(started.thread.get()) == static_cast<DWORD>(-1)) {
    return failed("ResumeThread");
  }
  return {};
}

// The memory for its listeners is one more handle that it is to have.
Result<std::optional<win32::Passing>> prepare_listeners(
    LaunchRequest& request) {
  if (request.listeners.empty()) return std::optional<win32::Passing>{};
  auto passing = win32::Passing::prepare(request.listeners);
  if (!passing) return passing.error();
  request.handles.push_back({win32::kPassedSockets, passing->section()});
  return std::optional{std::move(*passing)};
}

}  // namespace

Result<Process> launch(const LaunchRequest& asked) {
  LaunchRequest request = asked;
  if (is_batch_file(request.executable)) {
    return refused(request,
                   "arguments of a batch file cannot be quoted safely; "
                   "start cmd.exe /c with it");
  }
  auto line = command_line(request);
  if (!line) return line.error();
  Process process;
  if (request.own_tree) {
    auto tree = make_tree();
    if (!tree) return tree.error();
    process.tree_ = std::move(*tree);
  }
  const auto passing = prepare_listeners(request);
  if (!passing) return passing.error();
  auto started = create_with_handles(request, std::move(*line));
  if (!started) return started.error();
  if (starts_suspended(request)) {
    auto equipped = equip(request, *started, process.tree_, *passing);
    if (!equipped) {
      TerminateProcess(started->process.get(), kKilledExitCode);
      return equipped.error();
    }
  }
  process.handle_ = std::move(started->process);
  process.id_ = started->id;
  return process;
}

}  // namespace relaunch::os
