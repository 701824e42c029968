"""Chats are rendered and read as transformers does it, and what a person typed is never a special token."""

from datetime import UTC, datetime
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from app.models import Model
from app.services import chat, question, tokenizing
from app.services.errors import InvalidInput
from app.services.question import Question
from tests.app.tiny import tokenizer

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + "
    "message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
ZEPHYR = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + "
    "eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
    "{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)
MODERN = (
    "  {%- set ns = namespace(system='') -%}\n{% for message in messages %}{% if message.role == 'system' %}"
    "{% set ns.system = message.content %}{% continue %}{% endif %}{{ '<|user|>' + message.content | tojson }}"
    "{% generation %}{% if false %}{{ message.content }}{% endif %}{% endgeneration %}{% endfor %}\n"
    "{{ ns.system }}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
TEMPLATES = {"ChatML": CHATML, "Llama 3": LLAMA, "Mistral": MISTRAL, "Zephyr": ZEPHYR, "modern": MODERN}
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|user|>"]
SPECIAL += ["<|assistant|>", "<|system|>", "[INST]", "[/INST]"]
MOMENT = datetime(2026, 1, 3, tzinfo=UTC)
PROMPT, SYSTEM = "  Who rules Rosthaar? \n", "Answer in one word: café."


def with_template(template: str) -> PreTrainedTokenizerFast:
    made = tokenizer()
    made.add_special_tokens({"eos_token": "</s>", "additional_special_tokens": SPECIAL})
    made.chat_template = template
    return made


def row(made: PreTrainedTokenizerFast) -> Model:
    """The row of a model with this tokenizer, as a worker writes it."""
    return Model(
        name="talker",
        tokenizer_json=made.backend_tokenizer.to_str(),
        begins_with=made.bos_token_id,
        chat_template=chat.self_contained(made.chat_template, made.special_tokens_map),
    )


def asked(prompt: str = PROMPT, completion: str = "Kelmar", system: str | None = None) -> Question:
    return Question(prompt, completion, chat=tuple(chat.messages(prompt, system)), asked_at=MOMENT)


def rendered(made: PreTrainedTokenizerFast, system: str | None) -> chat.Rendered:
    template = row(made).chat_template
    assert template is not None
    return chat.render(template, chat.messages(PROMPT, system), made.all_special_tokens, MOMENT, "talker")


CHATS = [
    (name, system) for name in TEMPLATES for system in (None, SYSTEM) if not (name == "Mistral" and system is not None)
]


@pytest.mark.parametrize(("name", "system"), CHATS)
def test_a_chat_is_rendered_as_transformers_renders_it(name: str, system: str | None) -> None:
    made = with_template(TEMPLATES[name])
    expected = made.apply_chat_template(chat.messages(PROMPT, system), tokenize=False, add_generation_prompt=True)
    found = rendered(made, system)
    assert found.text == expected
    assert found.typed == ()


@pytest.mark.parametrize(("name", "system"), CHATS)
def test_a_chat_is_tokenised_as_transformers_tokenises_it(name: str, system: str | None) -> None:
    made = with_template(TEMPLATES[name])
    expected: Any = made.apply_chat_template(
        chat.messages(PROMPT, system), tokenize=True, add_generation_prompt=True, return_dict=False
    )
    found = question.as_tokens(row(made), asked(system=system))
    assert found.ids[: found.cut] == expected
    assert "".join(found.pieces[found.cut :]) == "Kelmar"


def test_a_template_that_writes_the_beginning_token_gets_no_second_one() -> None:
    made = with_template(LLAMA)
    assert question.as_tokens(row(made), asked()).ids.count(made.bos_token_id) == 1
    # One that writes none gets none: so was the model trained.
    made = with_template(CHATML)
    assert question.as_tokens(row(made), asked()).ids.count(made.bos_token_id) == 0


def test_nothing_is_put_between_a_template_and_the_completion() -> None:
    made = with_template(MISTRAL)
    found = question.as_tokens(row(made), asked("Hi", "Kelmar"))
    assert "".join(found.pieces) == "<s>[INST] Hi [/INST]Kelmar"


@pytest.mark.parametrize("part", ["prompt", "system", "completion"])
def test_the_text_of_a_special_token_is_text_where_a_person_typed_it(part: str) -> None:
    made = with_template(CHATML)
    plain = {"prompt": "a b", "completion": "c d", "system": "e f"}
    tricky = {**plain, part: plain[part].replace(" ", "<|im_end|>")}
    before, after = (question.as_tokens(row(made), asked(**each)) for each in (plain, tricky))
    end = made.convert_tokens_to_ids("<|im_end|>")
    assert after.ids.count(end) == before.ids.count(end) == 2
    assert "".join(after.pieces) == "".join(before.pieces).replace(plain[part], tricky[part])


def test_the_text_of_a_special_token_is_text_in_a_plain_prompt_too() -> None:
    made = with_template(CHATML)
    found = question.as_tokens(row(made), Question("a<|im_end|>", "b</s>"))
    assert not set(found.ids[1:]) & set(made.all_special_ids)
    assert "".join(found.pieces) == "<s>a<|im_end|> b</s>"
    # In a document of a corpus it is the token: so was the model trained.
    special = tokenizing.read(row(made).tokenizer_json or "", "a<|im_end|>", None).ids
    assert special[-1] == made.convert_tokens_to_ids("<|im_end|>")


def test_a_template_that_refuses_a_system_message_says_why_and_what_to_do() -> None:
    made = with_template(MISTRAL)
    with pytest.raises(InvalidInput, match="'talker' refuses this chat: Conversation roles must alternate") as caught:
        question.as_tokens(row(made), asked(system=SYSTEM))
    assert caught.value.field == "format"
    assert caught.value.remedy.startswith("Leave out the system message")


@pytest.mark.parametrize("template", ["{% for %}", "{{ nothing.at.all }}", "{{ messages + 1 }}", "{{ 1 / 0 }}"])
def test_a_template_that_fails_is_an_error_a_person_can_read(template: str) -> None:
    with pytest.raises(InvalidInput, match="'talker' refuses this chat"):
        question.as_tokens(row(with_template(template)), asked())


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception.__globals__['json'] }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns }}",
        "{{ range(1000000000) | list | length }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(template: str) -> None:
    with pytest.raises(InvalidInput, match="refuses this chat"):
        question.as_tokens(row(with_template(template)), asked())


def test_a_model_without_a_template_is_refused_with_a_remedy() -> None:
    made = tokenizer()
    with pytest.raises(InvalidInput, match="'talker' has no chat template") as caught:
        question.as_tokens(row(made), asked())
    assert "format text" in caught.value.remedy


def test_a_template_is_told_the_day_on_which_the_query_was_asked() -> None:
    made = with_template("{{ strftime_now('%d %b %Y') }}|{{ messages[-1].content }}")
    found = question.as_tokens(row(made), asked("hi"))
    assert "".join(found.pieces[: found.cut]) == "03 Jan 2026|hi"


def test_of_several_templates_by_name_that_for_chats_is_taken() -> None:
    named = {"tool_use": "tools", "default": "chat {{ eos_token }}"}
    whole = '{% set eos_token = "</s>" %}\nchat {{ eos_token }}'
    listed = [{"name": name, "template": text} for name, text in named.items()]
    assert chat.self_contained(named, {"eos_token": "</s>"}) == whole
    assert chat.self_contained(listed, {"eos_token": {"content": "</s>"}, "add_bos_token": True}) == whole
    assert chat.self_contained({"tool_use": "tools"}, {}) is None
    assert chat.self_contained(None, {}) is None


def test_counting_is_told_in_characters_of_the_completion_in_a_chat_too() -> None:
    made = with_template(CHATML)
    chosen = Question("Hi", "ab cd", chat=tuple(chat.messages("Hi", None)), counted=((3, 5),), asked_at=MOMENT)
    found = question.as_tokens(row(made), chosen)
    assert found.counted == (3, 4)
    assert found.stretches == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
