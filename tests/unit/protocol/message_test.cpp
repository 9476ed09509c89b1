#include "common/protocol/message.hpp"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relaunch::protocol {
namespace {

using testing::HasSubstr;

Frame head(std::string_view json, std::uint16_t handles = 0) {
  Frame frame;
  frame.head = json;
  frame.handles = handles;
  return frame;
}

std::error_code code_of(const Frame& frame) {
  const auto message = from_frame(frame);
  return message ? std::error_code{} : message.error().code();
}

std::string text_of(const Frame& frame) {
  const auto message = from_frame(frame);
  return message ? "" : message.error().text();
}

struct Golden {
  Message message;
  std::string head;
  std::uint16_t handles = 0;
};

std::vector<Golden> golden_messages() {
  return {
      {Hello{1, 3, 4121},
       R"({"type":"hello","min_version":1,"max_version":3,"pid":4121})"},
      {Adopted{2}, R"({"type":"adopted","batch":2})"},
      {Failed{"cannot open \"a\nb\""},
       R"({"type":"failed","reason":"cannot open \"a\nb\""})"},
      {Ready{{"old", "metrics"}},
       R"({"type":"ready","unclaimed":["old","metrics"]})"},
      {Ready{}, R"({"type":"ready","unclaimed":[]})"},
      {ExtendReady{30000}, R"({"type":"extend_ready","milliseconds":30000})"},
      {Health{7, true}, R"({"type":"health","question":7,"healthy":true})"},
      {Serving{}, R"({"type":"serving"})"},
      {StopRequested{}, R"({"type":"stop_requested"})"},
      {AbortRequested{}, R"({"type":"abort_requested"})"},
      {EndProbation{}, R"({"type":"end_probation"})"},
      {Committed{}, R"({"type":"committed"})"},
      {Leave{}, R"({"type":"leave"})"},
      {Welcome{1, 4, 71, 5, "0af3"},
       R"({"type":"welcome","version":1,"incumbent_generation":4,)"
       R"("incumbent_pid":71,"generation":5,"release":"0af3","leaving":[]})",
       1},
      {Welcome{1, 4, 71, 5, "", {{2, 60, 900, 2000}, {3, 65, 0, 2000}}},
       R"({"type":"welcome","version":1,"incumbent_generation":4,)"
       R"("incumbent_pid":71,"generation":5,"release":"","leaving":[)"
       R"({"generation":2,"pid":60,"drain_milliseconds":900,)"
       R"("grace_milliseconds":2000},)"
       R"({"generation":3,"pid":65,"drain_milliseconds":0,)"
       R"("grace_milliseconds":2000}]})",
       3},
      {Listeners{
           1,
           true,
           {{"http", 0, "tcp://127.0.0.1:0"}, {"http", 1, "tcp://[::1]:80"}}},
       R"({"type":"listeners","batch":1,"last":true,"items":[)"
       R"({"name":"http","shard":0,"address":"tcp://127.0.0.1:0"},)"
       R"({"name":"http","shard":1,"address":"tcp://[::1]:80"}]})",
       2},
      {AskHealth{4294967295}, R"({"type":"ask_health","question":4294967295})"},
      {GiveBack{500}, R"({"type":"give_back","drain_milliseconds":500})"},
      {Commit{30000, 2000}, R"({"type":"commit","drain_milliseconds":30000,)"
                            R"("grace_milliseconds":2000})"},
      {Turn{}, R"({"type":"turn"})"},
      {Opened{{{"admin", 0, "tcp://[::1]:0"}}},
       R"({"type":"opened","items":[)"
       R"({"name":"admin","shard":0,"address":"tcp://[::1]:0"}]})",
       1},
      {UpgradeRequested{3, true, false, true},
       R"({"type":"upgrade_requested","number":3,"skip_build":true,)"
       R"("force":false,"end_probation":true})"},
      {Pause{71, {"admin"}},
       R"({"type":"pause","successor_pid":71,"except":["admin"]})", 1},
      {DrainNow{500}, R"({"type":"drain","drain_milliseconds":500})"},
      {UpgradeLine{3, {}}, R"({"type":"upgrade_line","number":3})"},
      {UpgradeEnded{3,
                    "done",
                    "commit",
                    "",
                    0,
                    "",
                    2,
                    71,
                    "abc",
                    {{"build", 0}, {"stage", 40}},
                    {}},
       R"({"type":"upgrade_ended","number":3,"result":"done",)"
       R"("phase":"commit","category":"","code":0,"reason":"",)"
       R"("serving_generation":2,"serving_pid":71,"release":"abc",)"
       R"("phases":[{"phase":"build","microseconds":0},)"
       R"({"phase":"stage","microseconds":40}]})"},
      {Rejoin{4, "abc", true, false, 2},
       R"({"type":"rejoin","generation":4,"release":"abc",)"
       R"("committed":true,"has_turn":false,"listeners":2})"},
      {Rejoined{71}, R"({"type":"rejoined","pid":71})", 1},
      {Peer{71, true}, R"({"type":"peer","pid":71,"gives":true})", 2},
      {Connections{3, {{"chat", 0, 0}, {"http", 0, 0}}, ""},
       R"({"type":"connections","batch":3,"items":[)"
       R"({"name":"chat","state_bytes":0,"unread_bytes":0},)"
       R"({"name":"http","state_bytes":0,"unread_bytes":0}]})",
       2},
      {WantState{4, "cache", "cache-rows", 2, 3, 1ull << 40},
       R"({"type":"want_state","number":4,"name":"cache",)"
       R"("schema":"cache-rows","min_version":2,"max_version":3,)"
       R"("limit":1099511627776})"},
      {StateGiven{4, "cache-rows", 3, 5'000'000'000, "0123456789abcdef"},
       R"({"type":"state","number":4,"schema":"cache-rows","version":3,)"
       R"("bytes":5000000000,"checksum":"0123456789abcdef"})",
       1},
      {WantFile{5, "log"}, R"({"type":"want_file","number":5,"name":"log"})"},
      {FileGiven{5, "pipe", "read_write"},
       R"({"type":"file","number":5,"kind":"pipe","access":"read_write"})", 1},
      {NotGiven{5, "there is no file 'log'"},
       R"({"type":"not_given","number":5,"reason":"there is no file 'log'"})"},
      {StateDelta{1, "cache", "cache-rows", 3, 12, "0123456789abcdef"},
       R"({"type":"state_delta","number":1,"name":"cache",)"
       R"("schema":"cache-rows","version":3,"bytes":12,)"
       R"("checksum":"0123456789abcdef"})",
       1},
      {DeltaTaken{1, ""}, R"({"type":"delta_taken","number":1,"refused":""})"},
      {ConnectionsTaken{3, {{1, "nobody takes it"}}},
       R"({"type":"connections_taken","batch":3,"refused":[)"
       R"({"index":1,"reason":"nobody takes it"}]})"},
      {Report{"idle", {}, "done", "generation 1 (pid 5) left after 3 ms"},
       R"({"type":"report","phase":"idle","phases":[],"last_outcome":"done",)"
       R"("last_departure":"generation 1 (pid 5) left after 3 ms"})"},
  };
}

TEST(Message, EveryOneIsWrittenByteForByteAsDocumented) {
  for (const Golden& golden : golden_messages()) {
    const Frame frame = to_frame(golden.message);
    EXPECT_EQ(frame.head, golden.head);
    EXPECT_EQ(frame.handles, golden.handles) << golden.head;
    EXPECT_EQ(frame.body, "");
  }
}

TEST(Message, EveryOneIsReadBack) {
  for (const Golden& golden : golden_messages()) {
    const auto message = from_frame(head(golden.head, golden.handles));
    ASSERT_TRUE(message) << message.error().text();
    EXPECT_EQ(*message, golden.message) << golden.head;
  }
}

TEST(Message, EveryOneHasAGoldenHead) {
  std::vector<bool> seen(std::variant_size_v<Message>);
  for (const Golden& golden : golden_messages()) {
    seen[golden.message.index()] = true;
  }
  EXPECT_THAT(seen, testing::Each(true));
}

TEST(Message, GoldenHelloFrame) {
  const std::string bytes = encode(to_frame(Hello{1, 1, 7}));
  const std::string json =
      R"({"type":"hello","min_version":1,"max_version":1,"pid":7})";
  const std::string header{
      "RLH1\x01\x00\x00\x00\x38\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00\x00\x00\x00\x00",
      24};
  EXPECT_EQ(bytes, header + json);
}

TEST(Message, WhatABuildPrintedTravelsAsTheBody) {
  UpgradeEnded ended;
  ended.build_output = "\x80 not UTF-8\n";
  for (const Message& message :
       {Message{UpgradeLine{1, "[1/2] a.cpp"}}, Message{ended}}) {
    const auto back = from_frame(to_frame(message));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, message);
  }
}

TEST(Message, BytesOfConnectionsTravelAsTheBody) {
  const Message message = Connections{0,
                                      {{"chat", 2, 1}, {"chat", 0, 3}},
                                      std::string("st\xff"
                                                  "u\0v",
                                                  6)};
  const auto back = from_frame(to_frame(message));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back, message);
}

TEST(Message, ConnectionsWhoseBytesDoNotFitAreRefused) {
  const std::uint32_t many = kMaxConnectionBytes;
  for (const Message& message :
       {Message{Connections{0, {{"chat", 2, 1}}, "st"}},
        Message{Connections{0, {{"chat", 0, 1}}, "st"}},
        Message{Connections{0, {{"a:b", 0, 0}}, ""}},
        Message{
            Connections{0, {{"chat", many, 1}}, std::string(many + 1, 'x')}},
        Message{Connections{
            0, {{"chat", ~std::uint32_t{}, ~std::uint32_t{}}}, ""}}}) {
    EXPECT_EQ(code_of(to_frame(message)), errc::malformed_frame);
  }
}

TEST(Message, EveryKeyIsRequired) {
  for (const Golden& golden : golden_messages()) {
    const std::string& whole = golden.head;
    for (auto at = whole.find(",\""); at != whole.npos;
         at = whole.find(",\"", at + 1)) {
      if (whole[whole.find_first_of("\":", at + 2) + 1] != ':') continue;
      std::string renamed = whole;
      renamed.insert(at + 2, "no_");
      EXPECT_EQ(code_of(head(renamed, golden.handles)), errc::malformed_frame)
          << renamed;
    }
  }
}

TEST(Message, ListenerSaysWhoseFileItIsAndWhetherItIsFixed) {
  const std::string whole =
      R"({"type":"opened","items":[)"
      R"({"name":"local","shard":0,"address":"unix:///run/app.sock",)"
      R"("fixed":true,"file":"26.1234"}]})";
  Opened opened{{{"local", 0, "unix:///run/app.sock", true, "26.1234"}}};
  EXPECT_EQ(to_frame(opened).head, whole);
  EXPECT_EQ(from_frame(head(whole, 1)).value(), Message{opened});
  opened.items[0].fixed = false;
  opened.items[0].file.clear();
  const auto frame = head(to_frame(opened).head, 1);
  EXPECT_EQ(frame.head.find("fi"), std::string::npos);
  EXPECT_EQ(from_frame(frame).value(), Message{opened});
  for (const char* wrong : {R"("file":1)", R"("fixed":"yes")"}) {
    std::string text = whole;
    text.replace(text.find(R"("fixed")"), text.npos,
                 std::string{wrong} + "}]}");
    EXPECT_EQ(code_of(head(text, 1)), errc::malformed_frame) << text;
  }
}

TEST(Message, UnknownKeysAreIgnored) {
  const auto message =
      from_frame(head(R"({"type":"adopted","batch":1,"later":{"a":[1]}})"));
  ASSERT_TRUE(message) << message.error().text();
  EXPECT_EQ(*message, Message{Adopted{1}});
}

TEST(Message, UnknownCriticalKeyIsAVersionMismatchThatNamesIt) {
  const Frame frame = head(R"({"type":"turn","fence":1,"critical":["fence"]})");
  EXPECT_EQ(code_of(frame), errc::version_mismatch);
  EXPECT_THAT(text_of(frame), HasSubstr("'fence'"));
}

TEST(Message, KnownCriticalKeysAreFine) {
  EXPECT_TRUE(from_frame(
      head(R"({"type":"adopted","batch":1,"critical":["batch","type"]})")));
  EXPECT_TRUE(from_frame(head(R"({"type":"turn","critical":[]})")));
}

TEST(Message, CriticalMustBeAnArrayOfNames) {
  EXPECT_EQ(code_of(head(R"({"type":"turn","critical":"x"})")),
            errc::malformed_frame);
  EXPECT_EQ(code_of(head(R"({"type":"turn","critical":[1]})")),
            errc::malformed_frame);
}

TEST(Message, UnknownTypeIsUnexpectedAndPrintedSafely) {
  const Frame frame = head(R"({"type":"lis\u001bten"})");
  EXPECT_EQ(code_of(frame), errc::unexpected_message);
  EXPECT_THAT(text_of(frame), HasSubstr(R"('lis\x1Bten')"));
}

TEST(Message, RefusesHeadsThatAreNoObjectWithAType) {
  for (const char* json :
       {"", " ", "{", "[]", "1", "null", "\"turn\"", "{}", R"({"type":1})",
        R"({"type":"turn"} x)", R"({"type":"turn"}{"type":"turn"})",
        "{\"type\":\"tu\xff\"}", "{'type':'turn'}"}) {
    EXPECT_EQ(code_of(head(json)), errc::malformed_frame) << json;
  }
}

TEST(Message, RefusesAHeadThatIsCutAnywhere) {
  for (const Golden& golden : golden_messages()) {
    for (std::size_t size = 0; size < golden.head.size(); ++size) {
      EXPECT_FALSE(
          from_frame(head(golden.head.substr(0, size), golden.handles)));
    }
  }
}

TEST(Message, RefusesNumbersOutOfRangeAndOtherTypes) {
  for (const char* value : {"-1", "4294967296", "18446744073709551615", "1.0",
                            "1e2", "\"1\"", "null", "true", "[1]", "{}"}) {
    const std::string json =
        std::string{R"({"type":"adopted","batch":)"} + value + "}";
    EXPECT_EQ(code_of(head(json)), errc::malformed_frame) << json;
  }
  EXPECT_FALSE(from_frame(
      head(R"({"type":"hello","min_version":1,"max_version":65536,"pid":1})")));
}

TEST(Message, RefusesBooleansAndListsOfAnotherType) {
  for (const char* json : {R"({"type":"health","question":1,"healthy":1})",
                           R"({"type":"ready","unclaimed":"a"})",
                           R"({"type":"ready","unclaimed":[1]})",
                           R"({"type":"failed","reason":null})"}) {
    EXPECT_EQ(code_of(head(json)), errc::malformed_frame) << json;
  }
}

TEST(Message, NamesTheKeyInsideAnItemThatIsWrong) {
  const Frame frame =
      head(R"({"type":"listeners","batch":1,"last":true,"items":[{"name":"a",)"
           R"("shard":-1,"address":"x"}]})",
           1);
  EXPECT_THAT(text_of(frame), HasSubstr("'shard'"));
}

TEST(Message, RefusesDeepJson) {
  const auto nested = [](int depth) {
    return R"({"type":"turn","x":)" + std::string(depth, '[') +
           std::string(depth, ']') + "}";
  };
  EXPECT_TRUE(from_frame(head(nested(7))));
  EXPECT_EQ(code_of(head(nested(8))), errc::malformed_frame);
  EXPECT_EQ(code_of(head(nested(30000))), errc::malformed_frame);
}

TEST(Message, RefusesAHeadOverItsLimit) {
  const std::string json = R"({"type":"turn"})";
  const std::string most = json + std::string(kMaxHeadBytes - json.size(), ' ');
  EXPECT_TRUE(from_frame(head(most)));
  EXPECT_EQ(code_of(head(most + " ")), errc::malformed_frame);
}

TEST(Message, RefusesAWrongNumberOfHandles) {
  for (const Golden& golden : golden_messages()) {
    const auto more = static_cast<std::uint16_t>(golden.handles + 1);
    EXPECT_EQ(code_of(head(golden.head, more)), errc::malformed_frame)
        << golden.head;
    if (golden.handles == 0) continue;
    EXPECT_EQ(code_of(head(golden.head, 0)), errc::malformed_frame);
  }
}

TEST(Message, RefusesNamesThatWouldReachATerminal) {
  EXPECT_EQ(code_of(head(R"({"type":"ready","unclaimed":["a\u001b[2J"]})")),
            errc::malformed_frame);
  EXPECT_EQ(
      code_of(head(
          R"({"type":"listeners","batch":1,"last":true,"items":[{"name":"a:b",)"
          R"("shard":0,"address":"x"}]})",
          1)),
      errc::malformed_frame);
}

TEST(Message, AFullBatchOfTheLongestNamesFitsIntoOneHead) {
  Listeners listeners;
  const std::string address = "unix-seqpacket:///" + std::string(106, '"');
  for (std::size_t i = 0; i < kMaxListenersPerFrame; ++i) {
    listeners.items.push_back({std::string(255, '"'), 4294967295, address, true,
                               "18446744073709551615.18446744073709551615"});
  }
  const auto message = from_frame(to_frame(listeners));
  ASSERT_TRUE(message) << message.error().text();
  EXPECT_EQ(*message, Message{listeners});
}

TEST(Message, ALongReasonIsCutBetweenCharacters) {
  std::string reason(4095, 'x');
  reason += "\xC3\xA9 and more";
  const auto message = from_frame(to_frame(Failed{reason}));
  ASSERT_TRUE(message) << message.error().text();
  EXPECT_EQ(std::get<Failed>(*message).reason, std::string(4095, 'x') + "...");
}

TEST(Message, AReasonIsCutOnlyOnceAndRefusedOverItsLimit) {
  const auto failed = [](std::size_t size) {
    return head(R"({"type":"failed","reason":")" + std::string(size, 'x') +
                "\"}");
  };
  const auto longest = from_frame(failed(4099));
  ASSERT_TRUE(longest) << longest.error().text();
  EXPECT_EQ(from_frame(to_frame(*longest)).value(), *longest);
  EXPECT_EQ(code_of(failed(4100)), errc::malformed_frame);
}

TEST(Message, AReasonThatIsNoUtf8ArrivesReadable) {
  const auto message = from_frame(to_frame(Failed{"a\xFF z"}));
  ASSERT_TRUE(message) << message.error().text();
  EXPECT_EQ(std::get<Failed>(*message).reason, "a\\xFF z");
}

TEST(Version, TheHighestCommonOneIsChosen) {
  EXPECT_EQ(choose_version(kMinVersion, kMaxVersion).value(), kMaxVersion);
  EXPECT_EQ(choose_version(1, 65535).value(), kMaxVersion);
}

TEST(Version, NoCommonOneNamesBothRanges) {
  const auto none = choose_version(2, 3);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), errc::version_mismatch);
  EXPECT_EQ(none.error().text(),
            "no common protocol version: this release speaks 1 to 1, the "
            "other 2 to 3");
  EXPECT_FALSE(choose_version(0, 0));
  EXPECT_FALSE(choose_version(3, 1));
}

TEST(Name, IsPrintableAsciiWithoutColon) {
  EXPECT_TRUE(check_name("http"));
  EXPECT_TRUE(check_name("a b/c.d-e_f~"));
  EXPECT_TRUE(check_name(std::string(255, 'n')));
  EXPECT_FALSE(check_name(""));
  EXPECT_FALSE(check_name(std::string(256, 'n')));
  EXPECT_FALSE(check_name("a:b"));
  for (const char* name : {"\n", "a\x1b[2J", "\x7f", "caf\xC3\xA9"}) {
    const auto refused = check_name(name);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::invalid_argument);
  }
  EXPECT_FALSE(check_name(std::string_view{"a\0b", 3}));
}

TEST(Name, IsPrintedSafelyWhenRefused) {
  EXPECT_THAT(check_name("a\x1b[2J").error().text(),
              HasSubstr(R"('a\x1B[2J')"));
}

}  // namespace
}  // namespace relaunch::protocol
