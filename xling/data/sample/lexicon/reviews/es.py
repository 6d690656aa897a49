"""Spanish reviews."""

SPACE = " "
PRODUCTS = (
    ("Hervidor", "este hervidor"), ("Lámpara", "esta lámpara"), ("Mochila", "esta mochila"),
    ("Cafetera", "esta cafetera"), ("Silla", "esta silla"),
    ("Despertador", "este despertador"), ("Sartén", "esta sartén"),
    ("Maleta", "esta maleta"), ("Radio", "esta radio"), ("Cámara", "esta cámara"),
    ("Paraguas", "este paraguas"), ("Manta", "esta manta"),
)  # fmt: skip
OPENINGS = (
    "Compré {} hace dos semanas.",
    "Compré {} para mi piso nuevo.",
    "Compré {} como regalo para mi hermana.",
    "Un amigo me aconsejó comprar {}.",
    "Elegí {} por la foto.",
    "Uso {} desde hace un mes.",
)
VERDICTS = (
    (
        "La calidad es extraordinaria.",
        "La calidad es bastante buena.",
        "La calidad podría ser mejor.",
        "La calidad es pésima.",
    ),
    (
        "El envío llegó al día siguiente.",
        "El envío fue puntual.",
        "El envío tardó un poco.",
        "El envío tardó seis semanas, algo increíble.",
    ),
    (
        "El embalaje era perfecto.",
        "El embalaje era correcto.",
        "El embalaje estaba algo dañado.",
        "El embalaje estaba totalmente roto.",
    ),
    (
        "El precio es una verdadera ganga.",
        "El precio es justo.",
        "El precio es un poco alto.",
        "El precio es un auténtico robo.",
    ),
    (
        "El servicio de atención al cliente respondió enseguida y fue estupendo.",
        "El servicio de atención al cliente fue amable.",
        "El servicio de atención al cliente no fue de gran ayuda.",
        "El servicio de atención al cliente no respondió nunca y estoy que trino.",
    ),
    (
        "Las instrucciones no pueden ser más claras.",
        "Las instrucciones son fáciles de seguir.",
        "Las instrucciones son más bien confusas.",
        "Las instrucciones son completamente inútiles.",
    ),
    (
        "El color es precioso.",
        "El color es bonito.",
        "El color es algo apagado.",
        "El color es horroroso.",
    ),
    (
        "En el uso diario todo funciona de maravilla.",
        "En el uso diario todo funciona como debe.",
        "En el uso diario hay pequeños problemas.",
        "En el uso diario no funciona nada.",
    ),
)
TITLES = {
    "1": ("Nunca más", "Dinero tirado", "Un desastre"),
    "2": ("Más bien decepcionante", "Esperaba más", "No me convence"),
    "4": ("Bien, con pequeños defectos", "En general, una buena elección", "Me gusta bastante"),
    "5": ("Muy recomendable", "Sencillamente genial", "Una compra perfecta"),
}
PLAIN_TITLES = (
    "{}", "{}: mi experiencia", "{}: una breve reseña", "Mi opinión", "Después de un tiempo",
)  # fmt: skip
