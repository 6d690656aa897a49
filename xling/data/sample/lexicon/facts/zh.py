"""Chinese facts."""

END = "。"
PERSONS = {
    "weber": "卡尔·韦伯", "martin": "保罗·马丁", "silva": "维克多·席尔瓦",
    "brown": "大卫·布朗", "novak": "彼得·诺瓦克", "fischer": "克拉拉·费舍尔",
    "costa": "劳拉·科斯塔", "lind": "玛丽亚·林德", "moore": "罗莎·摩尔",
    "petit": "妮娜·珀蒂",
}  # fmt: skip
CITIES = {
    "paris": "巴黎", "rome": "罗马", "vienna": "维也纳", "berlin": "柏林",
    "madrid": "马德里", "prague": "布拉格", "warsaw": "华沙", "lisbon": "里斯本",
    "zurich": "苏黎世", "budapest": "布达佩斯", "geneva": "日内瓦", "milan": "米兰",
}  # fmt: skip
THINGS = {
    "museum": "博物馆", "theatre": "剧院", "library": "图书馆", "school": "学校",
    "house": "老房子", "hotel": "老旅馆", "mill": "老磨坊", "bookshop": "老书店",
    "castle": "城堡", "monastery": "修道院", "factory": "工厂", "station": "发电站",
}  # fmt: skip
CONTRASTS = {
    "life": ("战前", "战后"),
    "match": ("战胜了", "输给了"),
    "opening": ("开办", "关闭"),
    "move": ("之前", "之后"),
    "trade": ("买下", "卖掉"),
    "railway": ("开通", "停运"),
    "novel": ("第一", "最后一"),
    "population": ("多", "少"),
    "site": ("北", "南"),
    "meeting": ("第一次", "最后一次"),
    "age": ("大", "小"),
}
TEMPLATES = {
    "life": (
        "{a}{y}年出生于{p}，{x}在{q}去世",
        "{y}年，{a}在{p}出生，{x}在{q}去世",
        "{x}在{q}去世的{a}，{y}年出生于{p}",
    ),
    "match": (
        "{p}队{y}年在决赛中{x}{q}队",
        "{y}年，{p}队在决赛中{x}{q}队",
        "在{y}年的决赛中，{p}队{x}{q}队",
    ),
    "opening": (
        "{a}{y}年{x}了{p}的{t}",
        "{y}年，{a}{x}了{p}的{t}",
        "{p}的{t}是{a}在{y}年{x}的",
    ),
    "move": (
        "{a}{y}年搬到{q}{x}在{p}教书",
        "{y}年搬到{q}{x}，{a}在{p}教书",
        "在{y}年搬到{q}{x}，{a}在{p}当老师",
    ),
    "trade": (
        "{a}{y}年以{n}美元{x}了{p}的{t}",
        "{y}年，{a}以{n}美元{x}了{p}的{t}",
        "{p}的{t}是{a}在{y}年以{n}美元{x}的",
    ),
    "railway": (
        "{p}和{q}之间的铁路于{y}年{x}",
        "{y}年，{p}和{q}之间的铁路{x}了",
        "{p}和{q}之间的铁路是在{y}年{x}的",
    ),
    "novel": (
        "{a}的{x}部小说{y}年在{p}出版",
        "{y}年，{a}的{x}部小说在{p}出版",
        "{a}{y}年在{p}出版了自己的{x}部小说",
    ),
    "population": (
        "{y}年，{p}的人口比{q}{x}",
        "{p}的人口在{y}年比{q}{x}",
        "{y}年，{p}的居民比{q}{x}",
    ),
    "site": (
        "{p}以{x}的{t}建于{y}年",
        "{y}年，{p}以{x}建起了{t}",
        "建于{y}年的{t}位于{p}以{x}",
    ),
    "meeting": (
        "{a}和{b}{y}年在{p}{x}见面",
        "{y}年，{a}和{b}在{p}{x}见面",
        "{a}和{b}{x}见面是{y}年在{p}",
    ),
    "age": (
        "住在{p}的{a}比{b}年纪{x}",
        "{a}比{b}年纪{x}，住在{p}",
        "{a}住在{p}，年纪比{b}{x}",
    ),
}
